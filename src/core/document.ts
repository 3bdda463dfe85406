import type { Refusal } from './refusal.ts';

/** One request for one document, and what its answer may cost. */
export type DocumentRequest = {
  method?: 'GET' | 'POST';
  /** Framing and `accept-encoding` are the door's own; what is given for them is left out. */
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Media types, sent as `Accept`. A 2xx answer of any other type is refused unread. */
  accept?: readonly string[];
  bytes_max?: number;
  /** From asking to the last byte of the answer. */
  seconds_max?: number;
};

/** An answer that was read whole. Names of headers are in lower case. */
export type Document = {
  kind: 'document';
  status: number;
  content_type: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
};

/** Never rejects. A redirect is an answer like any other, and is not followed. */
export type FetchDocument = (url: string, request?: DocumentRequest) => Promise<Document | Refusal>;

/** Addresses that the operator wrote: their origins may be private, and http where they say so. */
export type ConfiguredAddresses = {
  addresses: readonly string[];
  /** PEM certificates to trust in the place of the system's, for these origins alone. */
  ca?: string | undefined;
};

/** What reads documents for whoever may not open a connection. */
export type Documents = {
  /** Addresses from the wire: https, publicly routable, reached where they were checked. */
  learned: FetchDocument;
  /** Addresses from configuration, and whatever they lead to elsewhere, which counts as learned. */
  configured(from: ConfiguredAddresses): FetchDocument;
};
