//! The home: three locks and what they remember.

use serde_json::{Value, json};

use crate::chance;
use crate::clock::iso_millis;

pub(crate) const USER_ID: &str = "5a9db0c5-0000-4000-8000-00000000b0b1";

pub(crate) struct Home {
    pub(crate) locks: Vec<Lock>,
    /// Newest first.
    pub(crate) activities: Vec<Value>,
}

pub(crate) struct Lock {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) house_id: &'static str,
    pub(crate) house_name: &'static str,
    /// An owner is a `superuser`, a guest a `user`.
    pub(crate) owner: bool,
    pub(crate) bridge: bool,
    /// Whether a sensor tells if the door is closed.
    door_sense: bool,
    mac: &'static str,
    serial: &'static str,
    battery: f64,
    pub(crate) locked: bool,
    pub(crate) changed: i64,
}

/// Activities remembered.
const REMEMBERED: usize = 500;
/// When the locks were put in: 2024-03-01.
const INSTALLED: i64 = 1_709_287_200;

impl Default for Home {
    fn default() -> Self {
        Self {
            locks: vec![
                Lock {
                    id: "5A9DB0C5000000000000000000000F01",
                    name: "Front Door",
                    house_id: "5a9db0c5-0000-4000-8000-00000000e001",
                    house_name: "Town House",
                    owner: true,
                    bridge: true,
                    door_sense: true,
                    mac: "02:00:5A:9D:0F:01",
                    serial: "L1SANDBOX1",
                    battery: 0.88,
                    locked: true,
                    changed: INSTALLED,
                },
                Lock {
                    id: "5A9DB0C5000000000000000000000F02",
                    name: "Garden Gate",
                    house_id: "5a9db0c5-0000-4000-8000-00000000e001",
                    house_name: "Town House",
                    owner: true,
                    bridge: false,
                    door_sense: false,
                    mac: "02:00:5A:9D:0F:02",
                    serial: "L1SANDBOX2",
                    battery: 0.41,
                    locked: true,
                    changed: INSTALLED,
                },
                Lock {
                    id: "5A9DB0C5000000000000000000000F03",
                    name: "Cabin Door",
                    house_id: "5a9db0c5-0000-4000-8000-00000000e002",
                    house_name: "Cabin",
                    owner: false,
                    bridge: true,
                    door_sense: false,
                    mac: "02:00:5A:9D:0F:03",
                    serial: "L1SANDBOX3",
                    battery: 0.67,
                    locked: false,
                    changed: INSTALLED,
                },
            ],
            activities: Vec::new(),
        }
    }
}

impl Home {
    pub(crate) fn find(&self, id: &str) -> Option<&Lock> {
        self.locks.iter().find(|lock| lock.id == id)
    }

    /// Locks or unlocks for real, and writes it down.
    pub(crate) fn operate(&mut self, id: &str, lock_it: bool, now: i64) {
        let Some(lock) = self.locks.iter_mut().find(|lock| lock.id == id) else { return };
        if lock.locked != lock_it {
            lock.locked = lock_it;
            lock.changed = now;
        }
        let entry = lock.activity(if lock_it { "lock" } else { "unlock" }, now);
        self.activities.insert(0, entry);
        self.activities.truncate(REMEMBERED);
    }
}

impl Lock {
    fn user_type(&self) -> &'static str {
        if self.owner { "superuser" } else { "user" }
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.locked { "locked" } else { "unlocked" }
    }

    /// An entry of `/users/locks/mine`.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "LockName": self.name, "UserType": self.user_type(), "macAddress": self.mac,
            "HouseID": self.house_id, "HouseName": self.house_name,
        })
    }

    /// The answer of `/locks/{id}`; a guest sees neither users nor keys. The mixed case of the keys is August's.
    pub(crate) fn detail(&self) -> Value {
        let mut detail = json!({
            "LockName": self.name, "Type": 2, "Created": iso_millis(INSTALLED), "Updated": iso_millis(self.changed),
            "LockID": self.id, "HouseID": self.house_id, "HouseName": self.house_name, "Calibrated": false,
            "skuNumber": "AUG-SL02-M02-S02", "timeZone": "Europe/Stockholm", "battery": self.battery,
            "SerialNumber": self.serial, "supportsEntryCodes": true, "macAddress": self.mac,
            "LockStatus": self.lock_status(),
            "currentFirmwareVersion": "109717e9-3.0.44-3.0.30", "homeKitEnabled": false, "zWaveEnabled": false, "isGalileo": false,
            "OfflineKeys": {"created": [], "loaded": [], "deleted": []}, "parametersToSet": {}, "users": {},
            "pubsubChannel": "5a9db0c5-0000-4000-8000-00000000c0a1", "ruleHash": {}, "cameras": [],
            "geofenceLimits": {"ios": {"debounceInterval": 90, "gpsAccuracyMultiplier": 2.5, "maximumGeofence": 5000,
                "minimumGeofence": 100, "minGPSAccuracyRequired": 80}},
        });
        if self.bridge {
            detail["Bridge"] = json!({
                "_id": "5a9db0c50000000000000b01", "mfgBridgeID": "C1SANDBOX1", "deviceModel": "august-connect",
                "firmwareVersion": "2.2.1", "operative": true, "hyperBridge": true,
                "status": {"current": "online", "lastOnline": iso_millis(INSTALLED), "updated": iso_millis(self.changed),
                    "lastOffline": iso_millis(INSTALLED - 60)},
            });
        }
        if self.owner {
            detail["users"] = json!({USER_ID: {"UserType": "superuser", "FirstName": "Robin", "LastName": "Demo",
                "identifiers": ["email:robin@sandbox.invalid", "phone:+10000000000"]}});
            detail["keypad"] = json!({"_id": "5a9db0c50000000000000c01", "serialNumber": "K1SANDBOX1", "lockID": self.id,
                "currentFirmwareVersion": "2.27.0", "battery": {}, "batteryLevel": "Medium", "batteryRaw": 170});
        }
        detail
    }

    pub(crate) fn lock_status(&self) -> Value {
        let mut status =
            json!({"status": self.status(), "dateTime": iso_millis(self.changed), "isLockStatusChanged": false, "valid": true});
        if self.door_sense {
            status["doorState"] = json!("closed");
        }
        status
    }

    /// The answer of a synchronous remote operation.
    pub(crate) fn operated(&self, action: &str, now: i64) -> Value {
        let mut answer = json!({
            "resultsFromOperationCache": false, "retryCount": 1,
            "info": {
                "lockType": "lock_version_3", "lockID": self.id, "lockStatusChanged": self.changed == now && action != "status",
                "rssi": -57, "wlanRSSI": -42, "wlanSNR": 56,
                "context": {"startDate": iso_millis(now), "transactionID": chance::uuid(), "retryCount": 1},
                "serialNumber": self.serial, "serial": self.serial, "action": action, "duration": 1119,
                "startTime": iso_millis(now), "bridgeID": "5a9db0c50000000000000b01",
            },
            "status": if self.locked { "kAugLockState_Locked" } else { "kAugLockState_Unlocked" }, "totalTime": 1133,
        });
        if self.door_sense {
            answer["doorState"] = json!("kAugDoorState_Closed");
        }
        answer
    }

    pub(crate) fn pins(&self, now: i64) -> Value {
        json!({"loaded": [{
            "_id": "5a9db0c50000000000000d01", "lockID": self.id, "userID": USER_ID, "state": "in-use", "pin": "000000", "slot": 1,
            "accessType": "always", "createdAt": iso_millis(INSTALLED), "updatedAt": iso_millis(now),
            "loadedDate": iso_millis(INSTALLED), "firstName": "Robin", "lastName": "Demo", "unverified": false,
        }]})
    }

    fn activity(&self, action: &str, now: i64) -> Value {
        let user = json!({"UserID": USER_ID, "FirstName": "Robin", "LastName": "Demo"});
        let id = chance::uuid();
        json!({
            "action": action, "dateTime": now.saturating_mul(1000), "deviceID": self.id, "deviceName": self.name, "deviceType": "lock",
            "callingUser": user, "otherUser": {"UserID": "deleted", "FirstName": "Unknown", "LastName": "User"},
            "house": {"houseID": self.house_id, "houseName": self.house_name},
            "entities": {"activity": id, "callingUser": USER_ID, "device": self.id, "house": self.house_id, "otherUser": "deleted"},
            "info": {"remote": true, "DateLogActionID": id, "agent": "oauth"},
        })
    }
}
