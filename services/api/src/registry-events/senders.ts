import { canonicalImage } from '@slipway/shared/contracts';
import { z } from 'zod';

const text = z.string().min(1).max(1_024);
const tag = text.optional().nullable();

const dockerHub = z.looseObject({
  push_data: z.looseObject({ tag: text }),
  repository: z.looseObject({ repo_name: text }),
});

/** The package of an event of GitHub, `package` or `registry_package`. */
const githubPackage = z.looseObject({
  name: text,
  namespace: text.optional(),
  owner: z.looseObject({ login: text }).optional(),
  package_type: z.string().optional(),
  package_version: z.looseObject({
    package_url: z.string().max(1_024).optional(),
    container_metadata: z
      .looseObject({
        tag: z
          .looseObject({ name: z.string().max(1_024) })
          .optional()
          .nullable(),
      })
      .optional()
      .nullable(),
  }),
});
const github = z
  .looseObject({ action: z.enum(['published', 'updated']) })
  .and(
    z.union([z.looseObject({ package: githubPackage }), z.looseObject({ registry_package: githubPackage })]),
  );

const harborResources = z.looseObject({
  resources: z.array(z.looseObject({ tag, resource_url: text.optional() })).max(1_000),
});
const harbor = z.looseObject({ type: z.literal('PUSH_ARTIFACT'), event_data: harborResources });
const harborCloudEvent = z.looseObject({ type: z.literal('harbor.artifact.pushed'), data: harborResources });

/** An event of distribution. A webhook of ACR is one such event alone. */
const distributionEvent = z.looseObject({
  action: z.string(),
  target: z.looseObject({ repository: text.optional(), tag, url: z.string().max(2_048).optional() }),
  request: z
    .looseObject({ host: z.string().max(255).optional() })
    .optional()
    .nullable(),
});
const distribution = z.looseObject({ events: z.array(distributionEvent).max(1_000) });

interface Sender {
  /** Returns spellings of the pushed images; undefined for a body of another sender. */
  read(body: unknown): string[] | undefined;
}

/** The senders by their bodies. None of them signs in a way that all do, so the token in the URL admits them. */
const senders: readonly Sender[] = [
  sender(dockerHub, ({ push_data, repository }) => [`docker.io/${repository.repo_name}:${push_data.tag}`]),
  sender(github, (event) =>
    githubImages(
      'package' in event ? (event.package as GithubPackage) : (event.registry_package as GithubPackage),
    ),
  ),
  sender(harbor, ({ event_data }) => harborImages(event_data)),
  sender(harborCloudEvent, ({ data }) => harborImages(data)),
  sender(distribution, ({ events }) => events.flatMap(distributionImages)),
  sender(distributionEvent, distributionImages),
];

/** Returns the images, in canonical spelling and each once, that the body of a push event names. Empty for any other body. */
export function pushedImages(body: unknown): string[] {
  for (const { read } of senders) {
    const images = read(body);
    if (images) return [...new Set(images.flatMap((image) => canonicalImage(image) ?? []))];
  }
  return [];
}

function sender<S extends z.ZodType>(schema: S, images: (body: z.output<S>) => string[]): Sender {
  return {
    read(body) {
      const { data, success } = schema.safeParse(body);
      return success ? images(data) : undefined;
    },
  };
}

type GithubPackage = z.output<typeof githubPackage>;

function githubImages({ name, namespace, owner, package_type, package_version }: GithubPackage): string[] {
  if (package_type !== undefined && package_type.toLowerCase() !== 'container') return [];
  const { package_url: url, container_metadata } = package_version;
  const own = container_metadata?.tag?.name;
  if (url && /:[^/]+$/.test(url)) return [url.toLowerCase().startsWith('ghcr.io/') ? lowerName(url) : url];
  const holder = namespace ?? owner?.login;
  return own && holder ? [lowerName(`ghcr.io/${holder}/${name}:${own}`)] : [];
}

/** Returns the image with its name in lower case. GitHub keeps the case of an account, and registries take lower case alone. */
function lowerName(image: string): string {
  const at = image.lastIndexOf(':');
  return image.slice(0, at).toLowerCase() + image.slice(at);
}

const harborImages = ({ resources }: z.output<typeof harborResources>): string[] =>
  resources.flatMap(({ tag: pushed, resource_url: url }) => {
    // A push without a tag has the digest in its place.
    const name = url?.replace(/@sha256:.*$|:[^/:]*$/, '');
    return pushed && name ? [`${name}:${pushed}`] : [];
  });

/** The host by which a client pushed may not be the one in Dockerfiles. The URL of the manifest may have another. */
function distributionImages({ action, target, request }: z.output<typeof distributionEvent>): string[] {
  const { repository, tag: pushed, url } = target;
  if (action !== 'push' || !repository || !pushed) return [];
  const hosts = [request?.host, url && URL.canParse(url) ? new URL(url).host : undefined];
  return hosts.flatMap((host) => (host ? [`${host.toLowerCase()}/${repository}:${pushed}`] : []));
}
