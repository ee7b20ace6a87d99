/** The consumer group in which the notifiers of all workers read the event stream. */
export const eventsGroup = 'notifier';
