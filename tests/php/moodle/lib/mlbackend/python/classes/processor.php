<?php
// What `doctor` reads of Moodle's file of this name.

class processor {
    const REQUIRED_PIP_PACKAGE_VERSION = '3.0.5';
}
