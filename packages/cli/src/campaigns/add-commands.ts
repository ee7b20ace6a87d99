import { campaignFunctionStates } from '@slipway/shared/contracts';
import { type Command, Option } from 'commander';
import type { CommandContext, CommonOptions } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { whole } from '../parse.js';
import {
  changeCampaign,
  type ListCampaignsOptions,
  listCampaigns,
  retryCampaign,
  type ShowCampaignOptions,
  showCampaign,
} from './commands.js';

interface CampaignCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

const exampleCampaign = 'campaign_01kb3v9x7q2m4n6p8r0s1t5w7y';

/** Adds the commands for campaigns. */
export function addCampaignCommands({ program, context, onExit, talks }: CampaignCommandsOptions): void {
  const campaigns = program
    .command('campaigns')
    .summary('show, pause, resume, cancel and repeat campaigns')
    .description('Campaigns: functions that are rebuilt in waves. `slipway rebuild --canary` starts one.');
  const of = (name: string) => campaigns.command(name).argument('<campaign>', 'the id of a campaign');
  talks(
    campaigns
      .command('list', { isDefault: true })
      .summary('show the latest campaigns (what `slipway campaigns` does)')
      .description('Shows the latest campaigns, newest first.')
      .option('--limit <count>', 'how many', whole({ min: 1, max: 50 }), 20)
      .option('--json', 'print JSON, and errors too')
      .action(async (options: ListCampaignsOptions) => onExit(await listCampaigns(options, context))),
    '\nExample:\n  slipway campaigns --limit 5\n',
  );
  talks(
    of('show')
      .summary('show a campaign')
      .description(
        'Shows the waves of a campaign, its predicted end, and the functions that failed or whose image differs.',
      )
      .addOption(
        new Option('--state <state>', 'show the functions in this state').choices(campaignFunctionStates),
      )
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: ShowCampaignOptions) =>
        onExit(await showCampaign(id, options, context)),
      ),
    `\nExample:\n  slipway campaigns show ${exampleCampaign} --state unchanged\n`,
  );
  const changes = [
    ['pause', 'No waiting job of the campaign begins until it is resumed. Running builds go on.'],
    ['resume', 'Ends the pause of a campaign, also a pause because of failures.'],
    ['cancel', 'Cancels a campaign: waiting jobs end immediately, running builds are stopped.'],
  ] as const;
  for (const [verb, description] of changes) {
    talks(
      of(verb)
        .summary(`${verb} a campaign`)
        .description(description)
        .option('--json', 'print the campaign as JSON, and errors too')
        .action(async (id: string, options: CommonOptions) =>
          onExit(await changeCampaign(verb, id, options, context)),
        ),
      `\nExample:\n  slipway campaigns ${verb} ${exampleCampaign}\n`,
    );
  }
  talks(
    of('retry')
      .summary('build the failed functions again')
      .description(
        'Starts a new campaign of the functions of an ended campaign that failed or were canceled, and prints its id.',
      )
      .option('--json', 'print JSON, and errors too')
      .action(async (id: string, options: CommonOptions) =>
        onExit(await retryCampaign(id, options, context)),
      ),
    `\nExample:\n  slipway campaigns retry ${exampleCampaign}\n`,
  );
}
