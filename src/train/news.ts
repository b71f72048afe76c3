import type { TrainEvent } from '../events/types.js';

/** An event without what every event carries; time and rank are added where it is told. */
export type News = TrainEvent extends infer E ? (E extends TrainEvent ? Omit<E, 'time' | 'rank'> : never) : never;

export type Say = (news: News) => void;
