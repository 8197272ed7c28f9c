# What Terraform's provider reads of an empty vCenter: VSPHERE_SERVER, VSPHERE_USER, VSPHERE_PASSWORD.
terraform {
  required_providers {
    vsphere = { source = "hashicorp/vsphere" }
  }
}

provider "vsphere" {}

data "vsphere_datacenter" "one" {
  name = "east"
}

data "vsphere_folder" "one" {
  path = "/east"
}

data "vsphere_role" "one" {
  label = "nobody"
}

data "vsphere_custom_attribute" "one" {
  name = "owner"
}

data "vsphere_storage_policy" "one" {
  name = "gold"
}

data "vsphere_tag_category" "one" {
  name = "tier"
}

data "vsphere_content_library" "one" {
  name = "images"
}
