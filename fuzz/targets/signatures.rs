#![no_main]

synapse_core_fuzz::target!(signatures);
