"""Logs in to an imitated provider with requests-oauthlib and its compliance fix for that provider, calls its API, and renews its token where it can.

The client reads the provider's file by itself (tomllib), so that file, imitation and client share no code.
"""

import importlib
import json
import os
import sys
import tomllib
import urllib.parse

import requests
from requests_oauthlib import OAuth2Session

os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'

name, client_id, client_secret = (os.environ[variable] for variable in ('PROVIDER', 'CLIENT_ID', 'CLIENT_SECRET'))
hosts, fields = (json.loads(os.environ[variable]) for variable in ('HOSTS', 'FIELDS'))
with open(os.environ['FILE'], 'rb') as file:
    provider = tomllib.load(file)
oauth2, endpoints = provider['oauth2'], provider['endpoints']


def here(url):
    """Where a URL of the file is for now."""
    parts = urllib.parse.urlsplit(url.format(**fields))
    return hosts[f'{parts.scheme}://{parts.netloc}'] + urllib.parse.urlunsplit(('', '', parts.path, parts.query, ''))


scopes = oauth2.get('scopes', [])
scope = oauth2.get('scope_separator', ' ').join(scopes) or None
pkce = None if oauth2.get('pkce') == 'off' else 'S256'
# Where the provider gave the address a name of its own, that is what one passes in its place.
redirect_uri = oauth2.get('redirect_name', 'http://localhost/callback').format(**fields)
session = OAuth2Session(client_id, redirect_uri=redirect_uri, scope=scope, pkce=pkce)
if 'BARE' not in os.environ:
    fixes = importlib.import_module('requests_oauthlib.compliance_fixes.' + name)
    session = getattr(fixes, name + '_compliance_fix')(session)

# In the header where the file says Basic, and in the body otherwise.
by_body = oauth2['client_auth'] in ('post', 'none')


def logged_in():
    url, _ = session.authorization_url(here(endpoints['authorize']), **oauth2.get('authorize_params', {}))
    answer = requests.get(url, allow_redirects=False, timeout=60)
    answer.raise_for_status()
    return session.fetch_token(
        here(endpoints['token']),
        authorization_response=answer.headers['location'].replace('http://', 'https://', 1),
        client_secret=client_secret,
        include_client_id=by_body,
    )


def brought():
    """Tokens that were made at the provider. What the fix knows of answers to a login is what comes when they are renewed, so it is asked there, too."""
    for hook in session.compliance_hook['access_token_response']:
        session.register_compliance_hook('refresh_token_response', hook)
    session.token = {'token_type': 'Bearer', **json.loads(os.environ['MADE'])}
    return session.token


token = brought() if 'import' in provider else logged_in()
print('logged in', json.dumps(sorted(member for member in token if token[member] is not None)))

path = next((action['path'] for action in provider.get('actions', {}).values() if 'parameters' not in action and 'method' not in action), '/')
query = next((action.get('query', {}) for action in provider.get('actions', {}).values() if action['path'] == path), {})
call = here(provider['api']['base_url']) + path


def called(what):
    answer = session.get(call, params=query, headers={k: v.format(**fields) for k, v in provider['api'].get('headers', {}).items()})
    print(what, answer.status_code, answer.text)
    if answer.status_code != 200:
        sys.exit(1)


if 'NO_CALL' not in os.environ:
    called('called')
    if token.get('refresh_token'):
        secret = {'client_secret': client_secret} if client_secret else {}
        more = {'client_id': client_id, **secret} if by_body else {'auth': (client_id, client_secret)}
        session.refresh_token(here(endpoints.get('refresh', endpoints['token'])), **more)
        called('called again')
