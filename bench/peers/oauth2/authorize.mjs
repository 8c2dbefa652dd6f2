// openid-client makes an authorization URL: on each line of stdin a JSON object; on stdout, for each, the URL's length and the microseconds.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const client = await import(pathToFileURL(`${process.env.PEERS}/openid-client/build/index.js`));

for await (const line of createInterface({ input: process.stdin })) {
  const { issuer, authorize, client_id, client_secret, redirect_uri, scope } = JSON.parse(line);
  const config = new client.Configuration({ issuer, authorization_endpoint: authorize }, client_id, client_secret);
  const make = async () => {
    const verifier = client.randomPKCECodeVerifier();
    const code_challenge = await client.calculatePKCECodeChallenge(verifier);
    const state = client.randomState();
    return client.buildAuthorizationUrl(config, { redirect_uri, scope, state, code_challenge, code_challenge_method: 'S256' }).href;
  };
  const times = [];
  for (let turn = 0; turn < 81; turn++) {
    const begun = process.hrtime.bigint();
    for (let at = 0; at < 100; at++) await make();
    times.push(Number(process.hrtime.bigint() - begun) / 1e5);
  }
  // It writes a space as `+`.
  console.log((await make()).replaceAll('+', '%20').length, times.sort((a, b) => a - b)[40]);
}
