export const handle = () => new Date().toISOString();
