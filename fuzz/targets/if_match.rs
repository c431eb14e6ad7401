#![no_main]

synapse_core_fuzz::target!(if_match);
