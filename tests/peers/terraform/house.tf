# What Terraform's provider finds, makes and takes away in a house: VSPHERE_SERVER, VSPHERE_USER,
# VSPHERE_PASSWORD. Outputs say nothing that differs from one house of this form to another.
terraform {
  required_providers {
    vsphere = { source = "hashicorp/vsphere" }
  }
}

provider "vsphere" {}

data "vsphere_datacenter" "one" {
  name = "DC0"
}

data "vsphere_datastore" "one" {
  name          = "LocalDS_0"
  datacenter_id = data.vsphere_datacenter.one.id
}

data "vsphere_compute_cluster" "one" {
  name          = "DC0_C0"
  datacenter_id = data.vsphere_datacenter.one.id
}

data "vsphere_network" "one" {
  name          = "VM Network"
  datacenter_id = data.vsphere_datacenter.one.id
}

data "vsphere_virtual_machine" "one" {
  name          = "DC0_H0_VM0"
  datacenter_id = data.vsphere_datacenter.one.id
}

resource "vsphere_folder" "one" {
  path          = "attic"
  type          = "vm"
  datacenter_id = data.vsphere_datacenter.one.id
}

resource "vsphere_custom_attribute" "one" {
  name                = "shelf"
  managed_object_type = "VirtualMachine"
}

resource "vsphere_tag_category" "one" {
  name             = "tier"
  cardinality      = "SINGLE"
  associable_types = ["VirtualMachine", "Folder"]
}

resource "vsphere_tag" "one" {
  name        = "gold"
  category_id = vsphere_tag_category.one.id
}

output "found" {
  value = {
    datacenter = data.vsphere_datacenter.one.id
    datastore  = data.vsphere_datastore.one.id
    pool       = data.vsphere_compute_cluster.one.resource_pool_id
    network    = data.vsphere_network.one.type
    machine    = data.vsphere_virtual_machine.one.guest_id
    attribute  = vsphere_custom_attribute.one.managed_object_type
    folder     = vsphere_folder.one.path
    tag        = vsphere_tag.one.name
  }
}
