// jose judges ID tokens and makes DPoP proofs: on each line of stdin a JSON object; on stdout, for each, the subject or "proof", and the microseconds.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const jose = await import(pathToFileURL(`${process.env.PEERS}/jose/dist/webapi/index.js`));

for await (const line of createInterface({ input: process.stdin })) {
  const { algorithm, public_key, private_key, token, issuer, audience, now, htu } = JSON.parse(line);
  let work;
  if (token) {
    const key = await jose.importJWK(public_key, algorithm);
    const rules = { issuer, audience, algorithms: [algorithm], currentDate: new Date(now * 1000), requiredClaims: ['exp', 'iat', 'sub'] };
    work = async () => (await jose.jwtVerify(token, key, rules)).payload.sub;
  } else {
    const key = await jose.importPKCS8(private_key, algorithm);
    const header = { alg: algorithm, typ: 'dpop+jwt', jwk: public_key };
    const claims = { jti: '07070707070707070707070707070707', htm: 'GET', htu, iat: now, ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' };
    work = async () => (await new jose.SignJWT(claims).setProtectedHeader(header).sign(key)) && 'proof';
  }
  const result = await work();
  const times = [];
  for (let turn = 0; turn < 41; turn++) {
    const begun = process.hrtime.bigint();
    for (let at = 0; at < 100; at++) await work();
    times.push(Number(process.hrtime.bigint() - begun) / 1e5);
  }
  console.log(result, times.sort((a, b) => a - b)[20]);
}
