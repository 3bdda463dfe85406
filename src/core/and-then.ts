/** Goes on with a value at once where it is there, and after the wait where it is not: a wait costs a turn of the queue. */
export function andThen<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
