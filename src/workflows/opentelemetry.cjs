// require(), so that a workflow that nobody traces never pays for loading it: each execution loads its modules anew.
exports.load = () => ({ ...require('@temporalio/interceptors-opentelemetry/lib/workflow'), api: require('@opentelemetry/api') });
