"""Gets an access token from August, then lists the locks of a person and shows one of them, with Flask and requests.

`request` is Flask's: what came in. `requests` goes out. There is no OAuth library: every OAuth request stands here as it is. The
environment names CLIENTID, APIKEY, APISEC and AUTHCALL, as the seed on August has it; what happens is in augustdebug.txt.
"""

import logging
import os
from urllib.parse import urlencode, urlsplit

import requests
from flask import Flask, redirect, render_template_string, request, session, url_for

CLIENTID = os.environ['CLIENTID']
APIKEY = os.environ['APIKEY']
APISEC = os.environ['APISEC']
AUTHCALL = os.environ['AUTHCALL']

AUTH = os.environ.get('AUGUST_AUTH', 'https://auth.august.com')
API = os.environ.get('AUGUST_API', 'https://api-production.august.com')

logging.basicConfig(filename='augustdebug.txt', level=logging.DEBUG)
log = logging.getLogger('august')

app = Flask(__name__)
app.secret_key = os.urandom(24)

INDEX = '<h1>August</h1><p><a href="{{ url_for("connect") }}">Connect August</a></p>'
LOCKS = '''<h1>Locks of {{ me.FirstName }}</h1><ul>
{% for id, lock in me.locks.items() %}<li><a href="{{ url_for('lock', id=id) }}">{{ lock.LockName }}</a></li>{% endfor %}
</ul>'''
LOCK = '''<h1>{{ lock.LockName }}</h1><dl>
<dt>Status</dt><dd id="status">{{ lock.LockStatus.status }}</dd>
<dt>House</dt><dd id="house">{{ lock.HouseName }}</dd>
<dt>Battery</dt><dd id="battery">{{ lock.battery }}</dd>
</dl>'''
DENIED = '<h1>Not connected</h1><p id="error">{{ error }}</p>'


@app.route('/')
def index():
    return render_template_string(INDEX)


@app.route('/connect')
def connect():
    """Step 1: sends the person to August, with a value that only this browser's session knows."""
    session['oauth_state'] = os.urandom(16).hex()
    query = urlencode({'client_id': CLIENTID, 'redirect_uri': AUTHCALL, 'state': session['oauth_state']})
    return redirect(AUTH + '/authorization?' + query)


@app.route(urlsplit(AUTHCALL).path)
def callback():
    """Step 2: the person is back with a code, which is exchanged for an access token."""
    if request.args.get('state') != session.pop('oauth_state', None):
        return render_template_string(DENIED, error='state'), 400
    if 'code' not in request.args:
        return render_template_string(DENIED, error=request.args.get('error', '')), 403
    response = requests.post(AUTH + '/access_token', json={
        'client_id': CLIENTID,
        'client_secret': APISEC,
        'code': request.args['code'],
        'grant_type': 'authorization_code',
    })
    response.raise_for_status()
    session['oauth_token'] = response.json()['access_token']
    log.info('got a token for %s seconds', response.json()['expires_in'])
    return redirect(url_for('locks'))


@app.route('/locks')
def locks():
    """Step 3: calls, with the token and the API key."""
    me = get('/users/me')
    me['locks'] = get('/users/locks/mine')
    return render_template_string(LOCKS, me=me)


@app.route('/locks/<id>')
def lock(id):
    return render_template_string(LOCK, lock=get('/locks/' + id))


def get(path):
    headers = {
        'x-august-access-token': session['oauth_token'],
        'x-august-api-key': APIKEY,
        # No media type, but what this program has always sent.
        'Content-Type': 'application-json',
    }
    response = requests.get(API + path, headers=headers)
    log.debug('GET %s: %s', path, response.status_code)
    response.raise_for_status()
    return response.json()


if __name__ == '__main__':
    app.run(host=os.environ.get('HOST', '0.0.0.0'), port=int(os.environ.get('PORT', '5000')))
