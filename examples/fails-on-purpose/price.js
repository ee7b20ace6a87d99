/** The price of `count` pieces, in cents. The mistake is there on purpose: the test finds it, and so the build fails. */
exports.price = (count) => count + 250;
