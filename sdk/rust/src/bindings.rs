//! The generated bindings; see the crate's documentation for their arrangement. Modules use [`crate::verb`], [`crate::vm`] and the
//! others, which name what belongs together; the macros use this.

/// Everything a module can import.
pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package vdsm:sdk;
            world imports {
                import vdsm:wire/types@0.1.0;
                import vdsm:hook/log@0.1.0;
                import vdsm:verb/plan@0.1.0;
                import vdsm:vm/ask@0.1.0;
                import vdsm:vm/plan@0.1.0;
                import vdsm:storage/ask@0.1.0;
                import vdsm:storage/plan@0.1.0;
                import vdsm:host/ask@0.1.0;
            }
        ",
        world: "vdsm:sdk/imports",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// The export of a verb handler.
pub mod verb {
    wit_bindgen::generate!({
        path: "wit",
        world: "vdsm:worlds/host-verb",
        with: { "vdsm:wire/types@0.1.0": crate::bindings::imports::vdsm::wire::types },
        pub_export_macro: true,
        export_macro_name: "export_verbs_glue",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// The export of statistics.
pub mod shaper {
    wit_bindgen::generate!({
        path: "wit",
        world: "vdsm:worlds/host-shaper",
        with: { "vdsm:wire/types@0.1.0": crate::bindings::imports::vdsm::wire::types },
        pub_export_macro: true,
        export_macro_name: "export_shaper_glue",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// The export of a hook on a domain document.
pub mod hook {
    wit_bindgen::generate!({
        path: "wit",
        world: "vdsm:worlds/host-hook",
        with: { "vdsm:wire/types@0.1.0": crate::bindings::imports::vdsm::wire::types },
        pub_export_macro: true,
        export_macro_name: "export_hook_glue",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// The export of a memory policy.
pub mod policy {
    wit_bindgen::generate!({
        path: "wit",
        world: "vdsm:worlds/host-policy",
        with: { "vdsm:wire/types@0.1.0": crate::bindings::imports::vdsm::wire::types },
        pub_export_macro: true,
        export_macro_name: "export_memory_policy_glue",
        additional_derives: [PartialEq],
        generate_all,
    });
}
