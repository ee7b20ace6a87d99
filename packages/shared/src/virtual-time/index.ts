export { type SettableClock, setVirtualTime, virtualClock } from './virtual-time.js';
