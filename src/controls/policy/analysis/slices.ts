/**
 * Work that may take a second, in steps: a gateway goes on answering in between, a command line does all at once. The bound is
 * counted in steps and never in time, so that the same question has the same answer on every machine.
 */
export type Steps<T> = Generator<undefined, T>;

export function allAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

const STEPS_A_SLICE = 64;

/** Lets everything else have its turn after every few steps. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    for (let step = 0; step < STEPS_A_SLICE; step += 1) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
    await new Promise<void>((resume) => setImmediate(resume));
  }
}
