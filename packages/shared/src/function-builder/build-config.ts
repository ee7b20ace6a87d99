import {
  type BuilderConfig,
  builderConfigSchema,
  configEntry,
  parseImageReference,
} from '../contracts/index.js';
import { brokenText, type FieldError, SlipwayError } from '../errors/index.js';
import { type JsonBounds, parseJson } from '../json/index.js';

/** What `com.openfaas.docker.config` asks for, checked and in one form. */
export interface BuildConfig {
  readonly image: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** None means the builder's own. */
  readonly platforms: readonly string[];
  readonly push: boolean;
  /** Attestations to push beside the image; ours alone, other builders ignore them. */
  readonly sbom: boolean;
  readonly provenance: boolean;
}

/** Other builders ignore keys that they do not know, so there may be some. A mebibyte is read within milliseconds. */
const bounds: JsonBounds = { maxDepth: 32, maxTokens: 50_000, maxItems: 10_000 };

/**
 * Parses the config entry. Unknown keys are ignored, and `platforms: [""]` means none. Throws `json_invalid`,
 * `json_too_complex`, `image_invalid`, or `request_invalid` with the fields that do not fit.
 */
export function parseBuildConfig(content: Buffer): BuildConfig {
  const { image, buildArgs, platforms, skipPush, sbom, provenance } = validated(
    parseJson({ bytes: content, bounds, what: configEntry }),
  );
  const push = skipPush !== true;
  if (push && parseImageReference(image)?.digest !== undefined) {
    throw new SlipwayError(
      'image_invalid',
      'An image that is yet to be built cannot be named by its digest.',
    );
  }
  const config = {
    image,
    buildArgs: buildArgs ?? {},
    platforms: [
      ...new Set((platforms ?? []).map((platform) => platform.trim()).filter((platform) => platform !== '')),
    ],
    push,
    sbom: sbom === true,
    provenance: provenance === true,
  };
  const errors = [...argumentErrors(config.buildArgs), ...platformErrors(config.platforms)];
  if (errors.length > 0) throw invalid(errors);
  return config;
}

function validated(value: unknown): BuilderConfig {
  const broken = brokenText(value);
  if (broken) throw invalid([broken]);
  const result = builderConfigSchema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({
    path: pointer(path.map(String)),
    message,
  }));
  const image = (value as { image?: unknown } | null)?.image;
  if (typeof image === 'string' && errors.some(({ path }) => path === '/image')) {
    throw new SlipwayError(
      'image_invalid',
      `${JSON.stringify(image.slice(0, 200))} is not an image reference.`,
    );
  }
  throw invalid(errors);
}

/**
 * BuildKit takes `name=value` and splits at the first `=`, so that a name with one in it would be another argument.
 * Zero bytes cannot stand in a command line.
 */
function argumentErrors(buildArgs: BuildConfig['buildArgs']): FieldError[] {
  return Object.entries(buildArgs).flatMap(([name, value]) => {
    const path = pointer(['buildArgs', name]);
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/.test(name))
      return [{ path, message: 'is not the name of an argument' }];
    return value.includes('\0') ? [{ path, message: 'holds a zero byte' }] : [];
  });
}

function platformErrors(platforms: readonly string[]): FieldError[] {
  return platforms
    .filter((platform) => !isPlatform(platform))
    .map((platform) => ({
      path: '/platforms',
      message: `${JSON.stringify(platform)} is not of the form os/arch`,
    }));
}

/** `os/arch[/variant]`, in lower case. */
function isPlatform(text: string): boolean {
  return /^[a-z0-9]{1,32}\/[a-z0-9]{1,32}(\/[a-z0-9.]{1,32})?$/.test(text);
}

function invalid(errors: readonly FieldError[]): SlipwayError {
  const first = errors[0];
  return new SlipwayError('request_invalid', `${configEntry}: ${first?.path} ${first?.message}.`, { errors });
}

/** A JSON Pointer (RFC 6901). */
function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
