"""Reads a weather station's measurements from Netatmo with urllib and oauthlib.

The steps, calls and arguments are those of the seed on Netatmo. It pastes the address that the browser ended at; this reads a
line.
"""

import json
import os
import urllib.parse
import urllib.request

from oauthlib.oauth2 import WebApplicationClient

API = os.environ.get('NETATMO_API', 'https://api.netatmo.com')
DEVICE_ID = os.environ['NETATMO_DEVICE_ID']

NETATMO_API_CLIENT_ID = os.environ['NETATMO_API_CLIENT_ID']
NETATMO_API_CLIENT_SECRET = os.environ['NETATMO_API_CLIENT_SECRET']
NETATMO_API_SCOPE = ['read_station']
NETATMO_API_REDIRECT_URL = 'http://localhost/callback'

oauth = WebApplicationClient(NETATMO_API_CLIENT_ID)

url, headers, body = oauth.prepare_authorization_request(API + '/oauth2/authorize', redirect_url=NETATMO_API_REDIRECT_URL, scope=NETATMO_API_SCOPE)
print(url)

authorization_response = input()

url, headers, body = oauth.prepare_token_request(API + '/oauth2/token', authorization_response=authorization_response, client_secret=NETATMO_API_CLIENT_SECRET)
req = urllib.request.Request(url, body.encode(), headers=headers)
with urllib.request.urlopen(req) as res:
    oauth.parse_request_body_response(res.read())


def getmeasure():
    columns = ['temperature', 'co2', 'humidity', 'pressure', 'noise']
    params = {
        'date_begin': 1577836800,  # 2020-01-01 00:00:00 UTC
        'device_id': DEVICE_ID,
        'scale': '30min',
        'type': ','.join(columns),
        'optimize': 'false',
    }
    url = API + '/api/getmeasure?' + urllib.parse.urlencode(params)
    url, headers, body = oauth.add_token(url)
    req = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(req) as res:
        data = json.load(res)
    return data


print('scope', json.dumps(oauth.token['scope']))
print('measured', json.dumps(getmeasure()))
first = dict(oauth.token)

url, headers, body = oauth.prepare_refresh_token_request(API + '/oauth2/token', client_id=NETATMO_API_CLIENT_ID, client_secret=NETATMO_API_CLIENT_SECRET)
req = urllib.request.Request(url, body.encode(), headers=headers)
with urllib.request.urlopen(req) as res:
    oauth.parse_request_body_response(res.read())

changed = [name for name in ('access_token', 'refresh_token') if oauth.token[name] != first[name]]
print('changed', json.dumps(changed))
print('measured again', json.dumps(getmeasure()))
