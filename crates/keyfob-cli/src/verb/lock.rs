//! `keyfob lock`: every agent forgets every key, and ends.

use clap::Args;
use keyfob_store::agent::Agent;
use serde_json::json;

use crate::card::Card;
use crate::context::Context;
use crate::exit::Exit;

// Nothing to choose: all keys are forgotten.
#[derive(Args, Debug)]
pub(crate) struct Lock {}

pub(crate) async fn run(_: Lock, context: &Context) -> Result<(), Card> {
    let agent = Agent::usual(context.data_folder());
    let ran = agent.lock().map_err(|silent| {
        let next = "end that process (kill -KILL and its number), or let it go on (kill -CONT); then: keyfob lock";
        Card::new(Exit::Error, "not every key is forgotten", silent.to_string(), next)
    })?;
    if context.out.json {
        return context.out.json(&json!({"locked": true, "agent_ran": ran}));
    }
    let paint = context.out.note_paint();
    context.out.note(&match ran {
        true => format!("{} locked: the agent forgot its keys, and ended", paint.good("✓")),
        false => "no agent ran: nothing was unlocked".to_owned(),
    });
    Ok(())
}
