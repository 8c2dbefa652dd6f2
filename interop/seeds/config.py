"""What telldus.py must know. A person writes their values here; a test names them in the environment."""

import os

# Public and private key, from the page of keys.
CONSUMER_KEY = os.environ['CONSUMER_KEY']
CONSUMER_SECRET = os.environ['CONSUMER_SECRET']
CALLBACK_URL = os.environ['CALLBACK_URL']

# The API end points.
API = os.environ.get('TELLDUS_API', 'https://pa-api.telldus.com')
REQUEST_TOKEN_URL = API + '/oauth/requestToken'
AUTHORIZE_URL = API + '/oauth/authorize'
ACCESS_TOKEN_URL = API + '/oauth/accessToken'
