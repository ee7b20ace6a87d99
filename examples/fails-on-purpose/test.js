const { price } = require('./price.js');

const found = price(3);
if (found !== 750) {
  process.stderr.write(`test failed on purpose: 3 pieces should cost 750 cents, not ${found}\n`);
  process.exitCode = 1;
}
