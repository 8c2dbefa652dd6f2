// oauth-1.0a signs the same requests: on each line of stdin a JSON object; on stdout, for each, the signature and the microseconds.
import { createHmac, createPrivateKey, sign as signed } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const OAuth = createRequire(process.env.PEERS + '/')('oauth-1.0a');

for await (const line of createInterface({ input: process.stdin })) {
  const { key, secret, token, token_secret, nonce, timestamp, method, url, pairs, pem } = JSON.parse(line);
  // Its users bring the signature: by a private key that is parsed once, or by the shared secrets.
  const own = pem && createPrivateKey(pem);
  const hash = (base, key) =>
    own ? signed('sha256', Buffer.from(base), own).toString('base64') : createHmac('sha1', key).update(base).digest('base64');
  const oauth = new OAuth({ consumer: { key, secret }, signature_method: 'HMAC-SHA1', hash_function: hash });
  oauth.getNonce = () => nonce;
  oauth.getTimeStamp = () => Number(timestamp);
  const data = Object.fromEntries(pairs);
  const sign = () => oauth.authorize({ url, method, data }, { key: token, secret: token_secret });
  const signature = sign().oauth_signature;
  const times = [];
  for (let turn = 0; turn < 81; turn++) {
    const begun = process.hrtime.bigint();
    for (let at = 0; at < 100; at++) oauth.toHeader(sign());
    times.push(Number(process.hrtime.bigint() - begun) / 1e5);
  }
  console.log(signature, times.sort((a, b) => a - b)[40]);
}
