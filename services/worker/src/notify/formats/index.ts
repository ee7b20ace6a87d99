export { type AnswerMeaning, readAnswer } from './answers.js';
export { buildRequest, ordersMatter, wants } from './build-request.js';
export type { FormatRequest } from './request.js';
export { parseWebhookTokens, WebhookTokens } from './tokens.js';
