// What the operators' pages do beyond what they do without any script. Nothing here is needed to work.
"use strict";
