"""A library signs the same requests: on each line of stdin a JSON object; on stdout, for each, the signature and the microseconds."""

import json
import sys
import time
from urllib.parse import unquote

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


def in_header(header):
    return unquote(header.split('oauth_signature="')[1].split('"')[0])


def oauthlib(case):
    if case.get('pem'):
        return oauthlib_rsa(case)
    from oauthlib.oauth1 import Client
    client = Client(case['key'], client_secret=case['secret'], resource_owner_key=case['token'],
                    resource_owner_secret=case['token_secret'], nonce=case['nonce'], timestamp=case['timestamp'])
    headers = FORM if case['body'] else {}
    return lambda: in_header(client.sign(case['url'], case['method'], case['body'] or None, headers)[1]['Authorization'])


def oauthlib_rsa(case):
    """The signature of a base string by a private key, which is parsed each time."""
    from types import SimpleNamespace
    from oauthlib.oauth1.rfc5849.signature import sign_rsa_sha256_with_client
    client = SimpleNamespace(rsa_key=case['pem'])
    return lambda: sign_rsa_sha256_with_client(case['base'], client)


def authlib(case):
    from authlib.oauth1.rfc5849 import client_auth
    client_auth.generate_nonce = lambda: case['nonce']
    client_auth.generate_timestamp = lambda: case['timestamp']
    client = client_auth.ClientAuth(case['key'], client_secret=case['secret'], token=case['token'], token_secret=case['token_secret'])
    headers = FORM if case['body'] else {}
    return lambda: in_header(client.prepare(case['method'], case['url'], dict(headers), case['body'])[1]['Authorization'])


def rauth(case):
    """The signature alone: the header is written elsewhere."""
    from urllib.parse import parse_qsl, urlsplit
    from rauth.oauth import HmacSha1Signature
    base, query = case['url'].split('?')[0], dict(parse_qsl(urlsplit(case['url']).query))
    oauth = {'oauth_consumer_key': case['key'], 'oauth_token': case['token'], 'oauth_signature_method': 'HMAC-SHA1',
             'oauth_version': '1.0', 'oauth_nonce': case['nonce'], 'oauth_timestamp': case['timestamp']}
    signature = HmacSha1Signature()

    def sign():
        kwargs = {'headers': dict(FORM), 'data': dict(case['pairs'])} if case['body'] else {'headers': {}, 'params': dict(query)}
        return signature.sign(case['secret'], case['token_secret'], case['method'], base, dict(oauth), kwargs)

    return sign


for line in sys.stdin:
    case = json.loads(line)
    sign = {'oauthlib': oauthlib, 'Authlib': authlib, 'rauth': rauth}[sys.argv[1].split('[')[0]](case)
    each = 1 if case.get('pem') else 20
    result = sign()
    times = []
    for _ in range(41):
        begun = time.perf_counter()
        for _ in range(each):
            sign()
        times.append((time.perf_counter() - begun) / each * 1e6)
    print(result, sorted(times)[20], flush=True)
