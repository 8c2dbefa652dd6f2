"""Logs in to Fitbit with a PIN and shows the profile, with rauth.

The steps, calls and arguments are those of the seed on Fitbit; its `print` and `raw_input` are Python 2's, these are Python 3's.
"""

import json

import rauth

import _credentials
from _credentials import consumer_key, consumer_secret

base_url = _credentials.base_url
request_token_url = base_url + "/oauth/request_token"
access_token_url = base_url + "/oauth/access_token"
authorize_url = _credentials.authorize_url

fitbit = rauth.OAuth1Service(
    name="fitbit",
    consumer_key=consumer_key,
    consumer_secret=consumer_secret,
    request_token_url=request_token_url,
    access_token_url=access_token_url,
    authorize_url=authorize_url,
    base_url=base_url)

request_token, request_token_secret = fitbit.get_request_token()

print(" request_token = %s" % request_token)
print(" request_token_secret = %s" % request_token_secret)
print()

authorize_url = fitbit.get_authorize_url(request_token)

print("Go to the following page in your browser: " + authorize_url)
print()

accepted = 'n'
while accepted.lower() == 'n':
    accepted = input('Have you authorized me? (y/n) ')
pin = input('Enter PIN from browser ')

session = fitbit.get_auth_session(request_token,
                                  request_token_secret,
                                  method="POST",
                                  data={'oauth_verifier': pin})

print("")
print(" access_token = %s" % session.access_token)
print(" access_token_secret = %s" % session.access_token_secret)
print("")

url = base_url + "/1/" + "user/-/profile.json"

r = session.get(url, params={}, header_auth=True)
print("profile", json.dumps(r.json()))
