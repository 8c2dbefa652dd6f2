"""oauthlib makes an authorization URL: on each line of stdin a JSON object; on stdout, for each, the URL's length and the microseconds."""

import json
import sys
import time

from oauthlib.common import generate_token
from oauthlib.oauth2 import WebApplicationClient

for line in sys.stdin:
    case = json.loads(line)
    client = WebApplicationClient(case['client_id'])

    def authorize():
        verifier = client.create_code_verifier(43)
        challenge = client.create_code_challenge(verifier, 'S256')
        return client.prepare_request_uri(case['authorize'], redirect_uri=case['redirect_uri'], scope=case['scope'].split(' '),
                                          state=generate_token(43), code_challenge=challenge, code_challenge_method='S256')

    times = []
    for _ in range(41):
        begun = time.perf_counter()
        for _ in range(20):
            authorize()
        times.append((time.perf_counter() - begun) / 20 * 1e6)
    # It writes a space as `+`.
    print(len(authorize().replace('+', '%20')), sorted(times)[20], flush=True)
