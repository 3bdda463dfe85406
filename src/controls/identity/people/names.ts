const NAME = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} .'@+_-]{0,63}$/u;

export function isPersonName(name: string): boolean {
  return NAME.test(name);
}

/** Two spellings of one name are one account: no lookalike of an admin. */
export function keyOf(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase();
}
