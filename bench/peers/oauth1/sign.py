"""oauthlib signs the same requests: on each line of stdin a JSON object; on stdout, for each, the signature and the microseconds."""

import json
import sys
import time
from urllib.parse import unquote

import oauthlib.oauth1

for line in sys.stdin:
    case = json.loads(line)
    client = oauthlib.oauth1.Client(case['key'], client_secret=case['secret'], resource_owner_key=case['token'],
                                    resource_owner_secret=case['token_secret'], nonce=case['nonce'], timestamp=case['timestamp'])
    headers = {'Content-Type': 'application/x-www-form-urlencoded'} if case['body'] else {}

    def sign():
        return client.sign(case['url'], case['method'], case['body'] or None, headers)

    signature = unquote(sign()[1]['Authorization'].split('oauth_signature="')[1].split('"')[0])
    times = []
    for _ in range(41):
        begun = time.perf_counter()
        for _ in range(20):
            sign()
        times.append((time.perf_counter() - begun) / 20 * 1e6)
    print(signature, sorted(times)[20], flush=True)
