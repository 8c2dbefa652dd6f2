"""What fitbit.py must know. A person writes their values here; a test names them in the environment."""

import os

consumer_key = os.environ['CONSUMER_KEY']
consumer_secret = os.environ['CONSUMER_SECRET']

# Where the API is, and where the person authorises.
base_url = os.environ.get('FITBIT_API', 'https://api.fitbit.com')
authorize_url = os.environ.get('FITBIT_WWW', 'http://www.fitbit.com') + '/oauth/authorize'
