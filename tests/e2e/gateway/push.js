// Makes WeChat pushes with an implementation that is not ours: JSON Lines {token, key, appid, timestamp, nonce, xml} in,
// {encrypt, signature} out. The folder of its packages is the first argument.
const path = require('path');
const readline = require('readline');
const Crypt = require(path.join(process.argv[2], 'node_modules', 'wechat-crypto'));

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const one = JSON.parse(line);
  const crypt = new Crypt(one.token, one.key, one.appid);
  const encrypt = crypt.encrypt(one.xml);
  const signature = crypt.getSignature(one.timestamp, one.nonce, encrypt);
  process.stdout.write(JSON.stringify({ encrypt, signature }) + '\n');
});
