"""Lists the clients and devices of a Telldus Live! account with requests-oauthlib.

The steps, calls and arguments are those of the seed on Telldus. Where it redirects a browser, this prints the URL; where it
takes `request.url` from its web server, this reads a line.
"""

import json

from requests_oauthlib import OAuth1Session

import config


def get_oauth_session(token=None, token_secret=None):
    return OAuth1Session(
        client_key=config.CONSUMER_KEY,
        client_secret=config.CONSUMER_SECRET,
        resource_owner_key=token,
        resource_owner_secret=token_secret,
        callback_uri=config.CALLBACK_URL,
    )


def login():
    oauth = get_oauth_session()
    fetch_response = oauth.fetch_request_token(config.REQUEST_TOKEN_URL)
    oauth_token = fetch_response.get('oauth_token')
    oauth_token_secret = fetch_response.get('oauth_token_secret')

    authorization_url = oauth.authorization_url(config.AUTHORIZE_URL)
    print('redirect to', authorization_url)
    request_url = input()

    oauth = get_oauth_session(oauth_token, oauth_token_secret)
    oauth_response = oauth.parse_authorization_response(request_url)
    verifier = oauth_response.get('oauth_verifier')
    if not verifier:
        print('Authorization failed or was denied.')
        return None

    oauth_tokens = oauth.fetch_access_token(config.ACCESS_TOKEN_URL, verifier=verifier)
    return oauth_tokens.get('oauth_token'), oauth_tokens.get('oauth_token_secret')


def main():
    tokens = login()
    if tokens is None:
        return
    access_token, access_token_secret = tokens

    oauth = get_oauth_session(access_token, access_token_secret)
    response = oauth.get(config.API + '/json/clients/list', params={'format': 'json'})
    print('clients', json.dumps(response.json()))

    oauth = get_oauth_session(access_token, access_token_secret)
    params = {
        'supportedMethods': 'TURNON|TURNOFF',
        'format': 'json',
    }
    response = oauth.get(config.API + '/json/devices/list', params=params)
    devices = response.json().get('devices', [])
    print('devices', json.dumps(devices))
    print('answer', json.dumps(response.json()))


main()
