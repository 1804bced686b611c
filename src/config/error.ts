/** A configuration that the server must not start with; the message says what to do. */
export class ConfigError extends Error {}
