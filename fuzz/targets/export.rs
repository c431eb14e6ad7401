#![no_main]

synapse_core_fuzz::target!(export);
