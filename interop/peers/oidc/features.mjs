// oidc-provider with everything that it speaks and a client may need, on free ports of loopback, which it prints.
//
//   node features.mjs [FOLDER]
//
// FOLDER holds what mutual TLS needs: `server.crt` and `server.key`, and `client.crt`, which the client `peer-tls` vouches for itself with. There is an https
// port then, whose endpoints are the issuer's `mtls_endpoint_aliases` (RFC 8705 §5). Without it there is neither.
//
// Pages, accounts and consent are oidc-provider's own development ones, as in server.mjs. DPoP proofs need the server's nonce, always (RFC 9449 §8).
// Resources (RFC 8707): https://api.peer.example has signed access tokens (RFC 9068), https://opaque.peer.example opaque ones.
//
// What a person does elsewhere:
//   POST /control/approve          says yes to everybody who asked by backchannel authentication (CIBA)
//   POST /control/refuse           says no
import * as crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import Provider, { errors } from 'oidc-provider'

const folder = process.argv[2]
const read = (name) => fs.readFileSync(`${folder}/${name}`)
const callback = 'http://127.0.0.1:9/callback'
const grants = { code: 'authorization_code', refresh: 'refresh_token', own: 'client_credentials' }
const device = 'urn:ietf:params:oauth:grant-type:device_code'
const ciba = 'urn:openid:params:grant-type:ciba'
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const asked = []

// Made as text, and read from it: Node 20 now and then waits for itself for ever where a pair that was just made is exported and collected at once.
const text = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } }
const key = (type, options, more) => {
  const made = crypto.createPrivateKey(crypto.generateKeyPairSync(type, { ...options, ...text }).privateKey)
  return { ...made.export({ format: 'jwk' }), use: 'sig', ...more }
}
const keys = [
  key('rsa', { modulusLength: 2048 }, { kid: 'rsa' }),
  key('ec', { namedCurve: 'P-256' }, { kid: 'ec', alg: 'ES256' }),
  key('ed25519', {}, { kid: 'ed' }),
]

const person = { application_type: 'native', redirect_uris: [callback], response_types: ['code'], grant_types: [grants.code, grants.refresh] }
const service = { redirect_uris: [], response_types: [], grant_types: [grants.own] }
const clients = [
  // RFC 8252: no secret, and any port of the loopback address.
  { ...person, client_id: 'peer-native', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/callback'], grant_types: [grants.code, grants.refresh, device] },
  // Only the encoding of RFC 6749 §2.3.1 carries these through Basic.
  { ...person, client_id: 'peer:web', client_secret: 'secret not real:&=+ %/?#', grant_types: [grants.code, grants.refresh, grants.own, device, exchange], authorization_details_types: ['door'] },
  { ...service, client_id: 'peer-post', client_secret: 'another secret/not+real%', token_endpoint_auth_method: 'client_secret_post', grant_types: [grants.own, ciba], backchannel_token_delivery_mode: 'poll' },
  { ...service, client_id: 'peer-secret-jwt', client_secret: 'a shared secret of 32 bytes, not real', token_endpoint_auth_method: 'client_secret_jwt' },
  { ...person, client_id: 'peer-pushes', client_secret: 'not real', require_pushed_authorization_requests: true },
  { ...person, client_id: 'peer-eddsa', client_secret: 'not real', id_token_signed_response_alg: 'EdDSA' },
  { ...person, client_id: 'peer-signed', client_secret: 'not real', userinfo_signed_response_alg: 'ES256', introspection_signed_response_alg: 'ES256' },
]
if (folder) {
  const certificate = new crypto.X509Certificate(read('client.crt'))
  const jwk = { ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [certificate.raw.toString('base64')] }
  clients.push({ ...service, client_id: 'peer-tls', token_endpoint_auth_method: 'self_signed_tls_client_auth', tls_client_certificate_bound_access_tokens: true, jwks: { keys: [jwk] } })
}

const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)))
const plain = http.createServer()
const secure = folder && https.createServer({ key: read('server.key'), cert: read('server.crt'), requestCert: true, rejectUnauthorized: false })
const issuer = `http://127.0.0.1:${await listen(plain)}`
const alias = secure && `https://127.0.0.1:${await listen(secure)}`

const on = { enabled: true }
const provider = new Provider(issuer, {
  clients,
  jwks: { keys },
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', ...(secure ? ['self_signed_tls_client_auth'] : [])],
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'],
    userinfoSigningAlgValues: ['RS256', 'ES256'],
    introspectionSigningAlgValues: ['RS256', 'ES256'],
  },
  ...(alias && { discovery: { mtls_endpoint_aliases: { token_endpoint: `${alias}/token`, introspection_endpoint: `${alias}/token/introspection` } } }),
  // Whom it tells of a logout is on loopback, which it would not connect to by itself.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  scopes: ['openid', 'offline_access', 'email', 'api:read', 'api:write'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@peer.example` }) }),
  pkce: { required: () => true },
  issueRefreshToken: async (_context, client, code) => client.grantTypeAllowed(grants.refresh) && code.scopes.has('offline_access'),
  rotateRefreshToken: true,
  clockTolerance: 0,
  ttl: { AccessToken: 3600, AuthorizationCode: 60, BackchannelAuthenticationRequest: 300, ClientCredentials: 3600, DeviceCode: 300, Grant: 86400, IdToken: 600, Interaction: 600, RefreshToken: 86400, Session: 86400 },
  cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
  features: {
    devInteractions: on,
    deviceFlow: on,
    introspection: on,
    jwtIntrospection: on,
    revocation: on,
    clientCredentials: on,
    registration: { enabled: true, initialAccessToken: false },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
    pushedAuthorizationRequests: on,
    requestObjects: on,
    jwtResponseModes: on,
    jwtUserinfo: on,
    claimsParameter: on,
    backchannelLogout: on,
    rpInitiatedLogout: on,
    dPoP: { enabled: true, nonceSecret: crypto.randomBytes(32), requireNonce: () => true },
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: async (_context, hint) => hint,
      verifyUserCode() {},
      validateRequestContext() {},
      async triggerAuthenticationDevice(_context, request) { asked.push(request.jti) },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, resource) => {
        const signed = { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
        const known = { 'https://api.peer.example': signed, 'https://opaque.peer.example': {} }[resource]
        if (!known) throw new errors.InvalidTarget()
        return { scope: 'api:read api:write', ...known }
      },
    },
    richAuthorizationRequests: {
      enabled: true,
      types: { door: { validate(_context, detail) { if (detail.actions?.includes('demolish')) throw new errors.InvalidAuthorizationDetails('no') } } },
      authorizationDetailsForGrantSource: (context) => JSON.parse(context.oidc.params.authorization_details),
      authorizationDetailsForAccessToken: (_context, _token, source) => source.rar,
      authorizationDetailsForIntrospection: (_context, token) => token.rar,
    },
    ...(secure && {
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        getCertificate: (context) => {
          const shown = context.req.socket.getPeerCertificate?.()
          return shown?.raw && new crypto.X509Certificate(shown.raw)
        },
      },
    }),
  },
})

// Token exchange (RFC 8693), which is no feature of oidc-provider but fits in as a grant of one's own.
const parameters = ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type']
provider.registerGrantType(exchange, async (context) => {
  const { params, client } = context.oidc
  if (params.subject_token_type !== accessToken) throw new errors.InvalidRequest('only access tokens are exchanged here')
  const subject = await provider.AccessToken.find(params.subject_token)
  if (!subject || subject.isExpired) throw new errors.InvalidRequest('the subject_token is not good')
  const wanted = (params.scope ?? subject.scope).split(' ')
  if (wanted.some((scope) => !subject.scopes.has(scope))) throw new errors.InvalidScope('more than the subject_token has', params.scope)
  const token = new provider.AccessToken({ accountId: subject.accountId, client, grantId: subject.grantId, gty: 'token_exchange', scope: wanted.join(' ') })
  context.body = { access_token: await token.save(), issued_token_type: accessToken, token_type: 'Bearer', expires_in: token.expiration, scope: token.scope }
}, parameters, ['audience', 'resource'])

provider.on('server_error', (_context, problem) => console.error(problem))

const decide = async (yes) => {
  for (const id of asked.splice(0)) {
    const request = await provider.BackchannelAuthenticationRequest.find(id)
    if (!yes) {
      await provider.backchannelResult(request, new errors.AccessDenied('the person said no'))
      continue
    }
    const grant = new provider.Grant({ client: await provider.Client.find(request.clientId), accountId: request.accountId })
    grant.addOIDCScope(request.scope)
    await grant.save()
    await provider.backchannelResult(request, grant, { authTime: Math.floor(Date.now() / 1000) })
  }
}
const everybody = provider.callback()
plain.on('request', async (request, response) => {
  if (!request.url.startsWith('/control/')) return everybody(request, response)
  await decide(request.url === '/control/approve')
  response.setHeader('content-type', 'application/json')
  response.end('{}')
})
secure?.on('request', everybody)
console.log('listening on', issuer.split(':').pop())
