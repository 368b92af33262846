# A server for one Moodle at AWS: an instance that only Moodle can reach, an encrypted disk for the models, and a bucket for nightly
# copies of them, to which the instance can add but from which it cannot delete.
#   terraform init && terraform apply -var subnet_id=subnet-… -var moodle_cidr=10.0.1.10/32 -var package_url=https://…deb
# Then connect Moodle with it as INSTALL.md describes: no password is in this file or in Terraform's state.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "subnet_id" {
  description = "Private subnet of the instance, with a way to Moodle and to the packages of Debian"
  type        = string
}

variable "moodle_cidr" {
  description = "Address of Moodle's web server, such as 10.0.1.10/32"
  type        = string
}

variable "package_url" {
  description = "HTTPS address of the Debian package of a release"
  type        = string
}

variable "package_sha256" {
  description = "Its checksum, from SHA256SUMS of the release"
  type        = string
}

data "aws_subnet" "this" {
  id = var.subnet_id
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

resource "aws_security_group" "this" {
  name   = "moodle-mlbackend"
  vpc_id = data.aws_subnet.this.vpc_id

  ingress {
    description = "Moodle"
    from_port   = 5000
    to_port     = 5000
    protocol    = "tcp"
    cidr_blocks = [var.moodle_cidr]
  }

  egress {
    description = "Packages and the bucket"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_s3_bucket" "copies" {
  bucket_prefix = "moodle-mlbackend-"
}

resource "aws_s3_bucket_public_access_block" "copies" {
  bucket                  = aws_s3_bucket.copies.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "copies" {
  bucket = aws_s3_bucket.copies.id
  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "copies" {
  statement {
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["${aws_s3_bucket.copies.arn}/*"]
  }
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.copies.arn]
  }
}

data "aws_iam_policy_document" "instance" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix        = "moodle-mlbackend-"
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

resource "aws_iam_role_policy" "copies" {
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.copies.json
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "moodle-mlbackend-"
  role        = aws_iam_role.this.name
}

resource "aws_instance" "this" {
  ami                    = data.aws_ami.debian.id
  instance_type          = "t3.small"
  subnet_id              = var.subnet_id
  vpc_security_group_ids = [aws_security_group.this.id]
  iam_instance_profile   = aws_iam_instance_profile.this.name

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted   = true
    volume_size = 20
  }

  user_data = <<-END
    #!/bin/sh
    set -eu
    apt-get update && apt-get install --yes curl awscli
    curl --fail --location --output /tmp/moodle-mlbackend.deb '${var.package_url}'
    echo '${var.package_sha256}  /tmp/moodle-mlbackend.deb' | sha256sum --check
    apt-get install --yes /tmp/moodle-mlbackend.deb
    echo 'MOODLE_MLBACKEND_WORLD_VISIBLE=true' >> /etc/moodle-mlbackend/environment
    # Models are replaced atomically, so the server keeps running.
    cat > /etc/cron.daily/moodle-mlbackend <<'CRON'
    #!/bin/sh
    exec aws s3 sync --only-show-errors /var/lib/moodle-mlbackend s3://${aws_s3_bucket.copies.bucket}/models
    CRON
    chmod +x /etc/cron.daily/moodle-mlbackend
  END

  tags = {
    Name = "moodle-mlbackend"
  }
}

output "host" {
  description = "Moodle's setting for the host"
  value       = aws_instance.this.private_ip
}

output "bucket" {
  description = "Bucket for copies of the data directory"
  value       = aws_s3_bucket.copies.bucket
}
