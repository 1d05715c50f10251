//! The command line's grammar. What a command does is in `serve` and in `commands`.

mod rollout;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub use rollout::{NewRollout, PlannedRollout, Rollout};

const AFTER_HELP: &str = "\
Without a command, updraft serves with its defaults.

Environment of the commands that ask a server:
  UPDRAFT_SERVER  the server, as --server; without both, the one that serves the data folder
  UPDRAFT_TOKEN   the operator's token; without it, that of the data folder, for its own server only
Every setting of `serve` has a variable too: broker.toml names them, and UPDRAFT_LOG sets how much is logged.

Exit codes of `serve`: 0 stopped when asked to; 64 usage or configuration; 69 an address cannot be listened on;
70 a commit failed (nothing after it was acknowledged; start again); 71 the bus is dead; 72 the server did not answer
its own probe; 73 another server uses the folder; 74 the folder cannot be used; 75 a fault in updraft itself (start
again).
Exit codes of everything else: 0 done; 1 refused, or something failed; 2 usage, unknown commands and options
included; 3 the server cannot be reached.";

/// Updates the software of a fleet of IoT devices, MQTT first.
#[derive(Debug, Parser)]
#[command(name = "updraft", version, about, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What is asked for on every command.
    #[command(flatten)]
    pub common: Common,
    /// The command; without one, serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The server's data folder [default: updraft-data].
    #[arg(long, global = true, env = "UPDRAFT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The server, such as `https://updates.example.com`; without it, the one that serves the data folder.
    #[arg(long, global = true, env = "UPDRAFT_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The tenant [default: your own, or `default`].
    #[arg(long, global = true, env = "UPDRAFT_TENANT")]
    pub tenant: Option<String>,
    /// Print the server's JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (also without any command).
    Serve(Serve),
    /// Devices and their tokens.
    #[command(subcommand)]
    Device(Device),
    /// Images: what can be installed.
    #[command(subcommand)]
    Image(Image),
    /// Releases: images that are installed together.
    #[command(subcommand)]
    Release(Release),
    /// Offer an image to every eligible device of its product (`offer 7` is short for `offer set 7`).
    Offer(Offer),
    /// Bring an image or a release to devices.
    Deploy(Deploy),
    /// Deployments: one order to bring something to devices.
    #[command(subcommand)]
    Deployment(Deployment),
    /// Rollouts: a target brought to many devices, wave by wave, that finish and stop by themselves.
    #[command(subcommand)]
    Rollout(Rollout),
    /// Actions: one device, one update.
    #[command(subcommand)]
    Action(Action),
    /// Say why a device has, or does not have, the offered images.
    Explain(Explain),
    /// Follow deployments until they are done.
    Watch(Watch),
    /// Follow what changes, a line for each event.
    Events(Events),
    /// Webhooks: where events are sent.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Operators and their tokens.
    #[command(subcommand)]
    Operator(Operator),
    /// Tenants and their settings.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Say how the server is.
    Status,
}

/// `serve`
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Where devices connect over MQTT [default: 127.0.0.1:1883].
    #[arg(long, value_name = "ADDR")]
    pub mqtt: Option<String>,
    /// Where HTTP is served [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// A configuration file; it names only what differs from broker.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `device`
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Register a device and print its token, which is shown only once.
    Add {
        /// The id, unique within the tenant.
        id: String,
        /// The product: a line of devices that take the same images.
        #[arg(long)]
        product: String,
    },
    /// List devices.
    List {
        /// Only those of a product.
        #[arg(long)]
        product: Option<String>,
    },
    /// Show a device.
    Show {
        /// The device.
        id: String,
    },
    /// Give a device a new token; the old one ends at once.
    Token {
        /// The device.
        id: String,
    },
    /// Forget a device.
    Rm {
        /// The device.
        id: String,
    },
}

/// Conditions of an image or an offer.
#[derive(Debug, Clone, Default, Args)]
pub struct Rules {
    /// Versions that the update may start from: `1.0.0`, `0.2.x` or `>=1.0.0, <2.0.0`; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    pub compatible: Vec<String>,
    /// A version that a device must have reached first; may be repeated.
    #[arg(long, value_name = "VERSION")]
    pub through: Vec<String>,
    /// Hardware that it runs on; may be repeated.
    #[arg(long, value_name = "MODEL[:REV]")]
    pub hardware: Vec<String>,
    /// Not before this moment, such as 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub not_before: Option<Timestamp>,
    /// Not at or after this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub not_after: Option<Timestamp>,
}

/// `image`
#[derive(Debug, Subcommand)]
pub enum Image {
    /// Upload an image; the server gives it its number.
    Push {
        /// Its files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The product.
        #[arg(long)]
        product: String,
        /// The firmware type, 1 to 200; 3 is the application.
        #[arg(long = "type", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=200))]
        kind: u8,
        /// The version.
        #[arg(long = "version", value_name = "VERSION")]
        image_version: String,
        /// Conditions.
        #[command(flatten)]
        rules: Rules,
    },
    /// List images.
    List,
    /// Show an image.
    Show {
        /// The image.
        #[arg(value_parser = image)]
        id: u32,
    },
    /// Remove an image that nothing refers to.
    Rm {
        /// The image.
        #[arg(value_parser = image)]
        id: u32,
    },
}

/// `release`
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Put images together.
    Add {
        /// The name.
        name: String,
        /// The version.
        #[arg(long = "version", value_name = "VERSION")]
        release_version: String,
        /// The images, at most one of each firmware type.
        #[arg(required = true, value_name = "IMAGE", value_parser = image)]
        images: Vec<u32>,
    },
    /// List releases.
    List,
    /// Show a release.
    Show {
        /// The release.
        #[arg(value_parser = release)]
        id: u32,
    },
    /// Remove a release.
    Rm {
        /// The release.
        #[arg(value_parser = release)]
        id: u32,
    },
}

/// `offer`: either one of its commands, or the arguments of `offer set`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Offer {
    /// What to do with offers.
    #[command(subcommand)]
    pub command: Option<OfferCommand>,
    /// The image: `offer IMAGE` is short for `offer set IMAGE`.
    #[arg(value_parser = image)]
    pub image: Option<u32>,
    /// Conditions beyond the image's own.
    #[command(flatten)]
    pub rules: Rules,
    /// Also to devices that run something newer.
    #[arg(long, requires = "image")]
    pub allow_downgrade: bool,
}

/// `offer ...`
#[derive(Debug, Subcommand)]
pub enum OfferCommand {
    /// Offer an image to every eligible device of its product.
    Set(OfferSet),
    /// List standing offers.
    List {
        /// Only those for a product.
        #[arg(long)]
        product: Option<String>,
    },
    /// Take an offer back. What is under way goes on.
    Rm {
        /// The product.
        product: String,
        /// The firmware type.
        #[arg(value_name = "TYPE")]
        kind: u8,
    },
}

/// `offer set`
#[derive(Debug, Clone, Args)]
pub struct OfferSet {
    /// The image.
    #[arg(value_parser = image)]
    pub image: u32,
    /// Conditions beyond the image's own.
    #[command(flatten)]
    pub rules: Rules,
    /// Also to devices that run something newer.
    #[arg(long)]
    pub allow_downgrade: bool,
}

/// `events`
#[derive(Debug, Args)]
pub struct Events {
    /// Begin behind this event, which was seen before; 0 begins with the oldest that is kept.
    #[arg(long, value_name = "ID")]
    pub after: Option<u64>,
    /// Only events of this type, such as `action` or `action.failed`; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
}

/// `webhook ...`
#[derive(Debug, Subcommand)]
pub enum Webhook {
    /// Have events sent somewhere, from the next on. Prints the secret that they are signed with, once.
    Add {
        /// Where: http or https.
        url: String,
        /// Only events of this type, such as `action` or `action.failed`; may be given several times.
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
    },
    /// List webhooks.
    List,
    /// Show a webhook and what became of its newest request.
    Show {
        /// The webhook.
        id: u32,
    },
    /// Switch a webhook on, behind what it has got.
    Enable {
        /// The webhook.
        id: u32,
    },
    /// Switch a webhook off.
    Disable {
        /// The webhook.
        id: u32,
    },
    /// Forget a webhook.
    #[command(visible_alias = "rm")]
    Remove {
        /// The webhook.
        id: u32,
    },
    /// Send a test event and say what came of it.
    Test {
        /// The webhook.
        id: u32,
    },
}

/// `deploy`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["image", "release"]).required(true)))]
#[command(group(ArgGroup::new("whom").args(["devices", "devices_from"]).required(true).multiple(true)))]
pub struct Deploy {
    /// The image.
    #[arg(long, value_name = "N", value_parser = image)]
    pub image: Option<u32>,
    /// The release.
    #[arg(long, value_name = "N", value_parser = release)]
    pub release: Option<u32>,
    /// To whom.
    #[arg(value_name = "DEVICE")]
    pub devices: Vec<String>,
    /// To the devices in a file, one id on a line; `-` reads the standard input.
    #[arg(long, value_name = "FILE")]
    pub devices_from: Option<PathBuf>,
    /// Also to devices that run something newer.
    #[arg(long)]
    pub allow_downgrade: bool,
}

/// `deployment`
#[derive(Debug, Subcommand)]
pub enum Deployment {
    /// List deployments, newest first.
    List {
        /// Stop after this many; 0 lists all.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a deployment and its actions.
    Show {
        /// The deployment.
        #[arg(value_parser = deployment)]
        id: u32,
    },
}

/// `action`
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List actions, newest first.
    List {
        /// Only those of a device.
        #[arg(long)]
        device: Option<String>,
        /// Stop after this many; 0 lists all.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show an action and what happened to it.
    Show {
        /// The action.
        #[arg(value_parser = action)]
        id: u32,
    },
    /// Call an action off.
    Cancel {
        /// The action.
        #[arg(value_parser = action)]
        id: u32,
        /// Without waiting for the device.
        #[arg(long)]
        force: bool,
    },
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The device.
    pub device: String,
    /// Only this firmware type.
    #[arg(long = "type", value_name = "N")]
    pub kind: Option<u8>,
}

/// `watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// The deployments; without any, those that are not done.
    #[arg(value_parser = deployment)]
    pub deployments: Vec<u32>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything.
    Admin,
    /// Reading only.
    Observer,
}

/// `operator`
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Register an operator and print its token, which is shown only once.
    Add {
        /// The name, unique on the server.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = Role::Observer)]
        role: Role,
        /// Confine it to a tenant.
        #[arg(long, value_name = "TENANT")]
        for_tenant: Option<String>,
    },
    /// List operators.
    List,
    /// Give an operator a password beside its token; it is read from the terminal or the standard input.
    Password {
        /// The name.
        name: String,
        /// Take the password away instead.
        #[arg(long)]
        remove: bool,
    },
    /// Remove an operator; its token ends at once.
    Rm {
        /// The name.
        name: String,
    },
}

/// `tenant`
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Make a tenant. One that a device, an image or an operator is the first to name is made with it.
    Add {
        /// The id.
        id: String,
    },
    /// List tenants.
    List,
    /// Show what is set for a tenant.
    Show {
        /// The tenant.
        id: String,
    },
    /// Set something for a tenant, effective at once.
    Set {
        /// The tenant.
        id: String,
        /// The settings, such as `pollingTime=00:05:00`; `tenant show` lists them.
        #[arg(value_name = "KEY=VALUE", required_unless_present = "reset")]
        settings: Vec<String>,
        /// A setting that is to have its default again; may be repeated.
        #[arg(long, value_name = "KEY")]
        reset: Vec<String>,
    },
}

fn image(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "an image is a number such as 1, see `updraft image list`")
}

fn release(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "a release is a number such as 1, see `updraft release list`")
}

fn deployment(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "a deployment is a number such as 1, see `updraft deployment list`")
}

fn action(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "an action is a number such as 1, see `updraft action list`")
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "it has to be a time such as 2026-11-21T10:00:00Z")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_with_the_arguments_is_said_with_an_example() {
        let table: [(&[&str], &str); 6] = [
            (&["image", "show", "abc"], "an image is a number such as 1"),
            (&["watch", "abc"], "a deployment is a number such as 1"),
            (&["offer", "1", "--not-before", "yesterday"], "a time such as 2026-11-21T10:00:00Z"),
            (&["deploy", "lamp-1"], "<--image <N>|--release <N>>"),
            (&["deploy", "--image", "1"], "<DEVICE|--devices-from <FILE>>"),
            (&["deploy", "--image", "1", "--release", "1", "lamp-1"], "cannot be used with"),
        ];
        for (words, expected) in table {
            let parsed = Arguments::try_parse_from([&["updraft"], words].concat());
            let said = parsed.map(|_| ()).map_err(|error| error.to_string()).err().unwrap_or_default();
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    }

    #[test]
    fn an_offer_is_set_with_and_without_the_word() {
        for words in
            [&["updraft", "offer", "7", "--compatible", "0.x"][..], &["updraft", "offer", "set", "7"]]
        {
            let parsed = Arguments::try_parse_from(words).ok().and_then(|arguments| arguments.command);
            let image = match parsed {
                Some(Command::Offer(Offer { command: Some(OfferCommand::Set(set)), .. })) => Some(set.image),
                Some(Command::Offer(Offer { command: None, image, .. })) => image,
                other => unreachable!("{words:?} is {other:?}"),
            };
            assert_eq!(image, Some(7), "{words:?}");
        }
    }
}
