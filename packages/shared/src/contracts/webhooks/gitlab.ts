import { apiUrl, type FormatField } from './format.js';

/** The setting that names a GitLab project. */
export const projectField = {
  rule: 'repository',
  label: 'Project',
  option: 'project',
  value: '<group/name>',
  help: 'the project, in the place of that of the job',
} as const satisfies FormatField;

/** Returns the URL of a project's API. GitLab takes the path of the project as one segment. */
export const gitlabProjectUrl = (url: string, project: string, path: string) =>
  apiUrl(url, `/api/v4/projects/${encodeURIComponent(project)}${path}`);
