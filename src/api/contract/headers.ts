/**
 * A page of another origin can make a browser send a request with cookies, but it cannot add this header without asking
 * first (CORS preflight), and nothing here ever answers such a question with yes.
 */
export const CLIENT_HEADER = 'sallyport-client';

/** On every answer to somebody who is known, while the gateway observes: when that ends, in milliseconds since the Unix epoch. */
export const OBSERVING_HEADER = 'sallyport-observing-until';
