// An OpenID Connect provider on oidc-provider: code with PKCE, refresh tokens that rotate (one used twice ends the whole grant),
// revocation, userinfo. On a free port of loopback, which it prints. Its own development pages ask for a login name and for consent.
//
// The second argument is the lifetime of access tokens in seconds.
//
// Besides what it does for everybody, it takes orders of the test and counts:
//   POST /control/expire           every access token issued so far is unknown from now on; later ones last a second longer than before
//   POST /control/hold             token answers do not leave from now on: the old refresh token is spent, and the new one not there yet
//   POST /control/release          they leave
//   GET  /control/counts           { requests, refreshed, refused }: refresh requests that arrived, and what became of them
import * as crypto from 'node:crypto'
import http from 'node:http'
import Provider from 'oidc-provider'

let lifetime = Number(process.argv[2] ?? 3600)
let held = []
let holds = false
const counts = { requests: 0, refreshed: 0, refused: 0 }
const issued = new Set()
// As text first: see features.mjs.
const text = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } }
const key = crypto.createPrivateKey(crypto.generateKeyPairSync('ec', { namedCurve: 'P-256', ...text }).privateKey).export({ format: 'jwk' })

const server = http.createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const issuer = `http://127.0.0.1:${port}`
  const provider = new Provider(issuer, {
    clients: [
      // A native app (RFC 8252): no secret, any port of the loopback address.
      {
        client_id: 'peer-public',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      // A secret that only the encoding of RFC 6749 §2.3.1 carries through Basic.
      {
        client_id: 'peer:web',
        client_secret: 'secret not real:&=+ %/?#',
        token_endpoint_auth_method: 'client_secret_basic',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      {
        client_id: 'peer-post',
        client_secret: 'another secret/not+real%',
        token_endpoint_auth_method: 'client_secret_post',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
      // People sign in to our web app with it.
      {
        client_id: 'peer-sign-in',
        client_secret: 'a third secret, not real',
        token_endpoint_auth_method: 'client_secret_basic',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/sign-in/callback'],
        grant_types: ['authorization_code'],
      },
    ],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig', kid: 'peer' }] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'offline_access', 'email'],
    claims: { openid: ['sub'], email: ['email'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@peer.example` }) }),
    pkce: { required: () => true },
    issueRefreshToken: async (_context, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    // A token ends when it says.
    clockTolerance: 0,
    ttl: { AccessToken: () => lifetime, AuthorizationCode: 60, RefreshToken: 86400, IdToken: 600, Grant: 86400, Session: 86400, Interaction: 600 },
    cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true } },
  })
  provider.on('server_error', (_context, problem) => console.error(problem))
  provider.on('access_token.saved', (token) => issued.add(token.jti))
  const isRefresh = (context) => context.oidc?.params?.grant_type === 'refresh_token'
  provider.on('grant.success', (context) => { counts.refreshed += isRefresh(context) })
  provider.on('grant.error', (context) => { counts.refused += isRefresh(context) })
  provider.use(async (context, next) => {
    await next()
    if (context.path !== '/token') return
    counts.requests += isRefresh(context)
    if (holds) await new Promise((done) => held.push(done))
  })

  const control = async ({ pathname }) => {
    if (pathname === '/control/expire') {
      const known = await Promise.all([...issued].map((jti) => provider.AccessToken.find(jti)))
      await Promise.all(known.map((token) => token?.destroy()))
      issued.clear()
      lifetime += 1
    }
    if (pathname === '/control/hold') holds = true
    if (pathname === '/control/release') {
      holds = false
      for (const done of held.splice(0)) done()
    }
    return counts
  }
  const everybody = provider.callback()
  server.on('request', async (request, response) => {
    const url = new URL(request.url, issuer)
    if (!url.pathname.startsWith('/control/')) return everybody(request, response)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await control(url)))
  })
  console.log('listening on', port)
})
