"""An OAuth 1.0a provider on oauthlib (RFC 5849), strict, on a free port of loopback, which it prints.

    ANY  /oauth/request_token   temporary credentials
    GET  /oauth/authorize       the person says yes at once; with deny=1, no. `oob` answers the verifier as text
    ANY  /oauth/access_token    token credentials
    ANY  /api/…                 answers what it understood of a signed request
    GET  /counts                how many requests it accepted and refused

With the argument `plain`, tokens and secrets are letters and digits: oauthlib decodes `oauth_…` values in query and body twice, so
that a PLAINTEXT signature with a percent sign in it can only come in the header.

The standard library's server gives the request target as it came; a framework's would decode it, and signatures are made over
what came.
"""

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from oauthlib.oauth1 import (SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_HMAC_SHA512, SIGNATURE_PLAINTEXT, SIGNATURE_RSA_SHA1,
                             SIGNATURE_RSA_SHA256, SIGNATURE_RSA_SHA512, RequestValidator, WebApplicationServer)

# Every character here has been somebody's bug.
CONSUMERS = {'peer-key': 'consumer secret/&=+%~ü', 'other-key': 'other-secret-not-real'}
# The public halves of the first keys among the test vectors, one for each consumer.
VECTORS = Path(__file__).parents[3] / 'crates/keyfob-proto/tests/vectors/rfc5849/rsa.jsonl'
KEYS = dict(zip(CONSUMERS, (json.loads(line)['public'][0] for line in VECTORS.read_text().splitlines()[:2])))
FORM = 'application/x-www-form-urlencoded'


class Records(RequestValidator):
    """Who may do what. Names and arguments are oauthlib's."""

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_HMAC_SHA512, SIGNATURE_RSA_SHA1, SIGNATURE_RSA_SHA256,
                                 SIGNATURE_RSA_SHA512, SIGNATURE_PLAINTEXT)
    realms = ['peer']
    # An unknown key or token is checked like a known one, so that time does not tell.
    dummy_client = dummy_request_token = dummy_access_token = 'nobody'

    def __init__(self):
        super().__init__()
        self.temporary, self.tokens, self.nonces = {}, {}, set()
        self.lock = Lock()

    def check_client_key(self, key):
        return 0 < len(key) < 100

    check_request_token = check_access_token = check_verifier = check_client_key

    def check_nonce(self, nonce):
        return nonce.isalnum() and 16 <= len(nonce) <= 64

    def validate_client_key(self, key, request):
        return key in CONSUMERS

    def get_client_secret(self, key, request):
        return CONSUMERS.get(key, 'nothing')

    def get_rsa_key(self, key, request):
        return KEYS.get(key, KEYS['other-key'])

    def validate_request_token(self, key, token, request):
        return self.temporary.get(token, {}).get('key') == key

    def get_request_token_secret(self, key, token, request):
        return self.temporary.get(token, {}).get('secret', 'nothing')

    def validate_access_token(self, key, token, request):
        return self.tokens.get(token, {}).get('key') == key

    def get_access_token_secret(self, key, token, request):
        return self.tokens.get(token, {}).get('secret', 'nothing')

    def validate_timestamp_and_nonce(self, key, timestamp, nonce, request, request_token=None, access_token=None):
        used = (key, timestamp, nonce, request_token or access_token)
        with self.lock:
            fresh = used not in self.nonces
            self.nonces.add(used)
        return fresh

    def validate_redirect_uri(self, key, uri, request):
        return uri == 'oob' or uri.startswith('http://127.0.0.1:') or uri.startswith('http://localhost')

    def get_default_realms(self, key, request):
        return []

    def get_realms(self, token, request):
        return []

    def validate_requested_realms(self, key, realms, request):
        return True

    def validate_realms(self, key, token, request, uri=None, realms=None):
        return True

    def verify_realms(self, token, realms, request):
        return True

    def save_request_token(self, token, request):
        self.temporary[token['oauth_token']] = {'secret': token['oauth_token_secret'], 'key': request.client_key, 'callback': request.redirect_uri}

    def get_redirect_uri(self, token, request):
        return self.temporary[token]['callback']

    def verify_request_token(self, token, request):
        return token in self.temporary

    def save_verifier(self, token, verifier, request):
        self.temporary[token]['verifier'] = verifier['oauth_verifier']

    def validate_verifier(self, key, token, verifier, request):
        expected = self.temporary.get(token, {}).get('verifier')
        return expected is not None and secrets.compare_digest(expected, verifier)

    def save_access_token(self, token, request):
        self.tokens[token['oauth_token']] = {'secret': token['oauth_token_secret'], 'key': request.client_key}

    def invalidate_request_token(self, key, token, request):
        self.temporary.pop(token, None)


def awkward_token():
    """Tokens with characters that have to be encoded."""
    return secrets.token_hex(8) + secrets.choice(['/+=', '&<>', '~!*', "'();", ':@,']) + secrets.token_hex(4)


records = Records()
server = WebApplicationServer(records)
if 'plain' not in sys.argv:
    server.token_generator = awkward_token
counts = {'accepted': 0, 'refused': 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def handle_any(self):
        self.payload = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        path = urlsplit(self.path).path
        if path == '/oauth/request_token':
            self.reply(*server.create_request_token_response(*self.message()))
        elif path == '/oauth/authorize':
            self.authorize()
        elif path == '/oauth/access_token':
            self.reply(*server.create_access_token_response(*self.message()))
        elif path == '/counts':
            self.reply({'Content-Type': 'application/json'}, json.dumps(counts), 200)
        elif path.startswith('/api/'):
            self.api(path)
        else:
            self.reply({}, 'there is nothing here', 404)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def authorize(self):
        query = parse_qs(urlsplit(self.path).query)
        token = query.get('oauth_token', [''])[0]
        if token not in records.temporary:
            return self.reply({}, 'this login is not known', 400)
        callback = records.temporary[token]['callback']
        if 'deny' in query:
            del records.temporary[token]
            joint = '&' if '?' in callback else '?'
            return self.reply({'Location': callback + joint + urlencode({'denied': token})}, '', 302)
        headers, body, status = server.create_authorization_response(self.url(), 'GET', None, {}, realms=[], credentials={})
        if callback == 'oob':
            return self.reply({}, records.temporary[token]['verifier'], 200)
        self.reply(headers, body, status)

    def api(self, path):
        valid, request = server.validate_protected_resource_request(*self.message())
        counts['accepted' if valid else 'refused'] += 1
        if not valid:
            return self.reply({'WWW-Authenticate': 'OAuth realm="peer"'}, 'the signature, token or nonce is not valid', 401)
        understood = {
            'method': self.command,
            'path': path,
            'query': parse_qsl(urlsplit(self.path).query, keep_blank_values=True),
            'form': parse_qsl(self.form() or '', keep_blank_values=True),
            'bytes': len(self.payload),
            'signature_method': request.signature_method,
        }
        self.reply({'Content-Type': 'application/json'}, json.dumps(understood), 200)

    def message(self):
        return self.url(), self.command, self.form(), dict(self.headers)

    def url(self):
        return 'http://' + self.headers['Host'] + self.path

    def form(self):
        kind = (self.headers.get('Content-Type') or '').split(';')[0].strip().lower()
        return self.payload.decode('ascii') if kind == FORM else None

    def reply(self, headers, body, status):
        payload = (body or '').encode()
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


if __name__ == '__main__':
    listener = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    listener.daemon_threads = True
    print('listening on', listener.server_address[1], flush=True)
    listener.serve_forever()
