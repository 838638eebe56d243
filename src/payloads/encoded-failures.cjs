// Loaded by its path: by the SDK with require(), and into the bundles of workflow code.
const { DefaultFailureConverter } = require('@temporalio/common');

/** Messages and stacks of failures go through the codec too: a command's words and an address are in them. */
exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
