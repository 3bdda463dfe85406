import { config, z } from 'zod/v4';

/*
 * The console's zod: every import of it in the contract comes here (vite.config.ts). The content security policy forbids
 * making code from text, which zod would try as soon as the first schema is made, and the browser would report.
 */
config({ jitless: true });

export { z };
