/** What signal-exit uses of Node's `assert`, for the bundle. */
exports.equal = (actual, expected, message) => {
  if (actual !== expected) throw new TypeError(message);
};
