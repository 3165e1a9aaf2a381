//! What a manifest says a module is, for the operator who judges it before it runs: where it is called, what it may change, what is
//! dangerous in that.

use vdsm_core::tree::TreeBuilder;
use vdsm_modules::manifest::{HookSection, Kind, Manifest, OnFailure, PolicySection};

/// Writes member `declares`: `kind`, and the members of that kind by the manifest's names, numbers as text.
pub(super) fn declares_at(builder: &mut TreeBuilder, manifest: &Manifest) {
    builder.object_at("declares", |builder| {
        builder.text_at("kind", manifest.kind.name());
        match &manifest.kind {
            Kind::Verb(verb) => {
                builder.array_at("serves", |builder| texts(builder, verb.serves.iter().map(String::as_str)));
                builder.boolean_at("shapes", verb.shapes);
            }
            Kind::Hook(hook) => hook_members(builder, hook),
            Kind::Policy(policy) => policy_members(builder, policy),
        }
        builder.object_at("dangerous", |builder| {
            for danger in &manifest.dangerous {
                builder.text_at(danger.name, danger.gives);
            }
        });
    });
}

fn hook_members(builder: &mut TreeBuilder, hook: &HookSection) {
    builder.array_at("points", |builder| texts(builder, hook.points.iter().map(|point| point.name)));
    builder.text_at("order", &hook.order.to_string());
    builder.array_at("edit", |builder| texts(builder, hook.edit.iter().map(String::as_str)));
    builder.object_at("properties", |builder| {
        for (name, pattern) in &hook.properties {
            builder.text_at(name, &pattern.to_string());
        }
    });
    builder.text_at(
        "on-failure",
        match hook.on_failure {
            OnFailure::Fail => "fail",
            OnFailure::Ignore => "ignore",
        },
    );
}

/// `parameters` as JSON: they are the policy's own, of whatever shape.
fn policy_members(builder: &mut TreeBuilder, policy: &PolicySection) {
    let parameters = serde_json::to_string(&policy.parameters).unwrap_or_default();
    builder.text_at("domain", &policy.domain).text_at("interval-s", &policy.interval_s.to_string()).text_at("parameters", &parameters);
}

fn texts<'a>(builder: &mut TreeBuilder, items: impl Iterator<Item = &'a str>) {
    items.for_each(|item| _ = builder.text(item));
}
