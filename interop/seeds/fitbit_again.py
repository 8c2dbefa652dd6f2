"""Shows the profile once more with the token and secret that fitbit.py got, without a login.

The calls and arguments are those at the end of the seed on Fitbit.
"""

import json
import os

import rauth

import _credentials

fitbit_oauth_token = os.environ['FITBIT_OAUTH_TOKEN']
fitbit_oauth_secret = os.environ['FITBIT_OAUTH_SECRET']

base_url = _credentials.base_url + "/"
api_version = "1/"
token = (fitbit_oauth_token, fitbit_oauth_secret)
consumer = (_credentials.consumer_key, _credentials.consumer_secret)

session = rauth.OAuth1Session(consumer[0], consumer[1], token[0], token[1])
url = base_url + api_version + "user/-/profile.json"
r = session.get(url, params={}, header_auth=True)
print("profile", json.dumps(r.json()))
