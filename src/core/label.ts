/** What a value may touch. A run carries the join of the labels of all that it has read. */
export const CONFIDENTIALITY = ['public', 'internal', 'confidential', 'restricted'] as const;
export type Confidentiality = (typeof CONFIDENTIALITY)[number];
export type Integrity = 'trusted' | 'untrusted';
export type Label = { confidentiality: Confidentiality; integrity: Integrity };

export const LOWEST_LABEL: Label = { confidentiality: 'public', integrity: 'trusted' };

/** The least label that is at least as confidential, and at most as trusted, as both. */
export function joinLabels(a: Label, b: Label): Label {
  const level = Math.max(CONFIDENTIALITY.indexOf(a.confidentiality), CONFIDENTIALITY.indexOf(b.confidentiality));
  const integrity = a.integrity === 'untrusted' || b.integrity === 'untrusted' ? 'untrusted' : 'trusted';
  return { confidentiality: CONFIDENTIALITY[level] ?? 'restricted', integrity };
}
