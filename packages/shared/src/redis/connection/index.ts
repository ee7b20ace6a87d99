/** A connection to Redis and nothing else, for a thread that must take little memory. */
export { runBundle, type ScriptBundle } from '../bundle.js';
export { connectRedis, primaryFinder, type Redis } from '../connect.js';
export { type PlainAccess, plainAccess, revivedAccess } from './plain-access.js';
