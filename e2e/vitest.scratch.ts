import { afterAll } from 'vitest';
import { removeScratchFolders } from './src/context.js';

// vitest ends its processes by a signal, so they emit no `exit`.
afterAll(removeScratchFolders);
