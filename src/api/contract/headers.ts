/**
 * A page of another origin can make a browser send a request with cookies, but it cannot add this header without asking
 * first (CORS preflight), and nothing here ever answers such a question with yes.
 */
export const CLIENT_HEADER = 'sallyport-client';
