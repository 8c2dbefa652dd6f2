// oauth4webapi exchanges a code: on each line of stdin a JSON object; on stdout, for each, the access token and the microseconds.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const oauth = await import(pathToFileURL(`${process.env.PEERS}/oauth4webapi/build/index.js`));

for await (const line of createInterface({ input: process.stdin })) {
  const { issuer, token, client_id, client_secret, redirect_uri, code, verifier, answer } = JSON.parse(line);
  const server = { issuer, token_endpoint: token };
  const client = { client_id };
  const auth = oauth.ClientSecretBasic(client_secret);
  const callback = oauth.validateAuthResponse(server, client, new URLSearchParams({ code, state: 'state' }), 'state');
  const options = { [oauth.customFetch]: async () => new Response(answer, { headers: { 'content-type': 'application/json' } }) };
  const exchange = async () => {
    const response = await oauth.authorizationCodeGrantRequest(server, client, auth, callback, redirect_uri, verifier, options);
    return oauth.processAuthorizationCodeResponse(server, client, response);
  };
  const times = [];
  for (let turn = 0; turn < 81; turn++) {
    const begun = process.hrtime.bigint();
    for (let at = 0; at < 100; at++) await exchange();
    times.push(Number(process.hrtime.bigint() - begun) / 1e5);
  }
  console.log((await exchange()).access_token, times.sort((a, b) => a - b)[40]);
}
